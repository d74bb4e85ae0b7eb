{{ read_stream('tap_zendesk_chat', 'agent_timeline', {
    'agent_id': 'text',
    'start_time': 'time',
    'duration': 'number',
    'status': 'text',
    'engagement_count': 'number',
}) }}
