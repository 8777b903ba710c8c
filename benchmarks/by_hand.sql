-- What a stage review needs of a flat table, as somebody would write it who needs nothing else.
-- {path} is the file.
-- sums --
select arm, run_id, user_id, count(*) as n,
  sum((status = 'passed')::int) as passed, sum((status = 'vetoed')::int) as vetoed,
  sum((status in ('error', 'timeout'))::int) as errors,
  count(score) as n_score, avg(score) as mean_score, var_pop(score) as var_score,
  count(latency) as n_latency, avg(latency) as mean_latency, var_pop(latency) as var_latency,
  sum((latency > 2200)::int) as slow,
  count(style_violations) as n_style, avg(style_violations) as mean_style,
  var_pop(style_violations) as var_style,
  sum(list_contains(issues, 'hallucination')::int) as hallucination,
  sum(list_contains(issues, 'style')::int) as style,
  sum(list_contains(issues, 'unclear')::int) as unclear
from (
  select *, if(status = 'timeout' and latency_ms is null, 30000, latency_ms) as latency
  from '{path}'
)
group by all
-- tags --
select arm, tag, count(*) as n
from (select arm, unnest(list_distinct(issues)) as tag from '{path}')
group by all order by arm, n desc, tag
-- segments --
select arm, user_id, category, difficulty, count(*) as n, sum((status = 'passed')::int) as passed
from '{path}' group by grouping sets ((arm, user_id, category), (arm, user_id, difficulty))
-- latencies --
select arm, run_id,
  round(10 * if(status = 'timeout' and latency_ms is null, 30000, latency_ms)) as step, count(*) as n
from '{path}' group by all order by all
-- scores --
select arm, run_id, round(10 * score) as step, count(*) as n from '{path}' group by all order by all
-- runs --
select arm, run_id, min(started_at) as started_at, count(*) as n from '{path}' group by all
-- people --
select arm, count(user_id) as with_user, count(distinct user_id) as users,
  count(prompt_id) as with_prompt, count(distinct prompt_id) as prompts
from '{path}' group by all
