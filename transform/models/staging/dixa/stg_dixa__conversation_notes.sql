{{ read_stream('tap_dixa', 'conversation_notes', {
    'id': 'text',
    'conversation_id': 'text',
    'createdAt': 'time',
    'authorId': 'text',
    'message': 'text',
}) }}
