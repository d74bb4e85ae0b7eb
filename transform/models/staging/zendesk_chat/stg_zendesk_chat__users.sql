{{ read_stream('tap_zendesk_chat', 'users', {
    'id': 'text',
    'name': 'text',
    'email': 'text',
    'phone': 'text',
    'locale': 'text',
}) }}
