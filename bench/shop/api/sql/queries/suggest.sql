-- What people looked for that begins like this, the most frequent first. $1 the beginning, without LIKE's wildcards.
SELECT json_build_object('suggestions', coalesce(json_agg(term ORDER BY searches DESC, term), '[]'))::text
FROM (
    SELECT term, count(*) AS searches FROM search_log
    WHERE term LIKE $1 || '%'
    GROUP BY term ORDER BY count(*) DESC, term LIMIT 10
) AS frequent
