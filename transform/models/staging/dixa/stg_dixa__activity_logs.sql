{{ read_stream('tap_dixa', 'activity_logs', {
    'id': 'text',
    'conversationId': 'text',
    'activityTimestamp': 'time',
    '_type': 'text',
    'author': 'json',
    'attributes': 'json',
}) }}
