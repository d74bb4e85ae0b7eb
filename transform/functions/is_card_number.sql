-- Whether the digits of a number are those of a payment card: their checksum (Luhn) is right.
select sum(
    case when place % 2 = 1 then cast(digit as integer)
        else cast(digit as integer) * 2 / 10 + cast(digit as integer) * 2 % 10 end
) % 10 = 0
from regexp_split_to_table(reverse(regexp_replace(candidate, '\D', '', 'g')), '')
    with ordinality as digits (digit, place)
