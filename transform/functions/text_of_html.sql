-- The text of a message that looks like HTML; any other as it is.
select case when body !~ '</?[A-Za-z][^<>]*>' then body else
    trim(both e' \n' from
        replace(replace(replace(replace(replace(replace(
            regexp_replace(
                regexp_replace(body, '<br ?/?>|</(p|div|li|tr|h[1-6])>', e'\n', 'gi'),
                '</?[A-Za-z!][^<>]*>', '', 'g'
            ),
            '&nbsp;', ' '), '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&#39;', ''''), '&amp;', '&')
    )
end
