"""``python -m tap_zendesk_chat``."""

from tap_zendesk_chat.tap import TapZendeskChat

if __name__ == "__main__":
    TapZendeskChat.cli()
