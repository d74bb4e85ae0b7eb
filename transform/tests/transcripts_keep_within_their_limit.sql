select transcript_id
from {{ ref('support_transcripts') }}
where octet_length(transcript) / 4.0 > {{ var('transcript_chunk_tokens') }}
