"""What is decided before anything is computed: parameters, work items, sizes, prices.

PlanRun goes from a request to a plan: `accepted_request` (is it fit?), `inspection` and
`database_tables` (what is in the files), `make_plan` (identities, bounds) and `sort_plan` (the way
of sorting, by `prices`). The states that plan Maps use `work_items` (how work is cut, how much
memory a call needs) and `map_items` (writing a Map's list, gathering its outcome).
"""
