{{ read_stream('tap_zendesk_chat', 'departments', {
    'id': 'text',
    'name': 'text',
}) }}
