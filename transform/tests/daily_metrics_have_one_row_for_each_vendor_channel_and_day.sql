select vendor, channel, day
from {{ ref('support_daily_metrics') }}
group by vendor, channel, day
having count(*) > 1
