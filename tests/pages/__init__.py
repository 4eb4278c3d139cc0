"""The till's pages over HTTP, with the services behind them in the same process."""
