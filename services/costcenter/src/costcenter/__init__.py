"""Cost centers: charged at the till within hard limits, invoiced at month end."""
