-- A text as it is, and of anything else the texts in it, a line each: what a person would read of a
-- card, a form or a list. What is there for programs (types, ids, addresses) is left out.
select case jsonb_typeof(content)
    when 'string' then content #>> '{}'
    when 'null' then null
    else (
        select string_agg(leaf #>> '{}', e'\n' order by source, place)
        from (
            select 1 as source, place, leaf
            from jsonb_path_query(
                content,
                'strict $.** ? (@.type() == "object").keyvalue()
                    ? (@.key != "type" && @.key != "id" && @.key != "url").value ? (@.type() == "string")'
            ) with ordinality as in_objects (leaf, place)
            union all
            select 2, place, leaf
            from jsonb_path_query(content, 'strict $.** ? (@.type() == "array")[*] ? (@.type() == "string")')
                with ordinality as in_lists (leaf, place)
        ) as leaves
    )
end
