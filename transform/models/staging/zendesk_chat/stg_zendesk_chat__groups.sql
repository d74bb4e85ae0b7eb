{{ read_stream('tap_zendesk_chat', 'groups', {
    'id': 'text',
    'name': 'text',
}) }}
