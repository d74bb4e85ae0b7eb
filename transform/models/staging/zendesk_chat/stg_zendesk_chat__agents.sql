{{ read_stream('tap_zendesk_chat', 'agents', {
    'id': 'text',
    'display_name': 'text',
    'email': 'text',
}) }}
