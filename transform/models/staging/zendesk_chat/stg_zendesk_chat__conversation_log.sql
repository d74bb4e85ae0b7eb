{{ read_stream('tap_zendesk_chat', 'conversation_log', {
    'ticket_id': 'text',
    'id': 'text',
    'type': 'text',
    'reference': 'text',
    'created_at': 'time',
    'received_at': 'time',
    'author': 'json',
    'content': 'json',
    'metadata': 'json',
    'attachments': 'json',
}) }}
