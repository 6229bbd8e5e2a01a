"""What there is to see at a moment, as plain arrays; nothing here knows how it is drawn."""
