{{ read_stream('tap_deepconverse', 'conversations', {
    '_id': 'text',
    'bot_name': 'text',
    'startTime': 'time',
    'lastActionAt': 'time',
    'locale': 'text',
    'tags': 'json',
    'metadata': 'json',
}) }}
