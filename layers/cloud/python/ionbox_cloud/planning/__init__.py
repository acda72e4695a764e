"""What is decided before anything is computed: parameters, work items, sizes, prices."""
