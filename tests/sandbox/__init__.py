"""The stand-in for the vendors, asked as any client would."""
