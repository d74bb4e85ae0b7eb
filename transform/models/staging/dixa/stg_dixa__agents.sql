{{ read_stream('tap_dixa', 'agents', {
    'id': 'text',
    'displayName': 'text',
    'email': 'text',
}) }}
