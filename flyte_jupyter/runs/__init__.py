"""What happened: events, their fold, the store that keeps them, handles on runs."""
