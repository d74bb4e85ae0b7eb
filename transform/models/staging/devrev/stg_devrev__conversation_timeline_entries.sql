{{ read_stream('tap_devrev', 'conversation_timeline_entries', {
    'id': 'text',
    'object': 'text',
    'type': 'text',
    'created_by': 'json',
    'created_date': 'time',
    'modified_date': 'time',
    'visibility': 'text',
    'body': 'text',
    'body_type': 'text',
    'snap_widget_body': 'json',
    'artifacts': 'json',
}) }}
