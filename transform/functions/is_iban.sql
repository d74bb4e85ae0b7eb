-- Whether a text is an IBAN: its checksum (ISO 7064, mod 97-10) is right.
select cast(string_agg(
    case when letter ~ '\d' then letter else cast(ascii(letter) - 55 as text) end, '' order by place
) as numeric) % 97 = 1
from regexp_split_to_table(
    regexp_replace(replace(candidate, ' ', ''), '^(....)(.*)$', '\2\1'), ''
) with ordinality as letters (letter, place)
