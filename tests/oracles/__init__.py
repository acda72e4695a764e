"""What tests compare the product with; never imported by the product."""
