{{ read_stream('tap_deepconverse', 'messages', {
    '_id': 'text',
    'bot_name': 'text',
    'conversationId': 'text',
    'time': 'time',
    'type': 'text',
    'sender': 'json',
    'outMsg': 'json',
    'userInput': 'json',
}) }}
