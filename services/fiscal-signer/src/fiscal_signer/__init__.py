"""The fiscal signer: every booking signed in event order by its store's TSE."""
