"""A local stand-in for Dixa, DeepConverse, Zendesk Chat and DevRev.

It is written from the vendors' documents alone and knows nothing of the taps, so that it can
contradict them. It serves the demo, the tests and the benchmarks. Loopback only.

    with Sandbox(seed=1, size=200, span=(start, end), rate_limits=False) as box:
        run_tap({"api_url": box.dixa.url, "api_token": box.dixa.token, ...})
        assert emitted == box.dixa.truth("conversations")
        assert [request.params for request in box.requests] == [...]

    python -m sandbox [--host 127.0.0.1] [--port 8765] [--seed 1] [--size 2000] [--no-rate-limits]
                      [--rate-limit-factor F] [--ready-file PATH]

Sandbox(*, seed=1, size=500, span=None, host="127.0.0.1", port=0, rate_limits=True,
        rate_limit_factor=1.0, clock=time.time)
    size conversations or chats per vendor, other streams in proportion; made when first asked for.
    span: a pair of aware datetimes that holds all data. Without it, data covers the last 100 days
    and goes on: the same records after a restart, with the few that came or changed since.
    url, port, vendors (by name), dixa, deepconverse, zendesk_chat, devrev, failures (own defects)
    requests -> [LoggedRequest], clear_requests(); violations (requests beyond a rate limit)
    fault(kind=..., ...) -> Fault, clear_faults()      kinds and fields: the docstring of `Fault`
    pause_listening(), resume_listening()              connections refused meanwhile
    reset()                                            data, faults, log, rate limits; not switches
    start(), stop()

Each vendor has
    url (for `api_url`), token, streams
    truth(stream, group=None) -> records as sent       put(stream, *records), remove(stream, key)
    load(stream, records)                              replaces a stream's data
    load_raw(stream, [(time, key, bytes or callable)]) the same, ready-made; served in this order
    make(stream, count, at) -> records                 more of them at one moment, not stored
    rate_limits["scope"] = RateLimit(n, seconds)        gzip = True compresses every response
    (`group` is a bot of DeepConverse, by default its first)

    vendor        streams; keys; unit of the time for load_raw; scope of its rate limits
    dixa          conversations (id; ms of updated_at), messages (id; ms of created_at); per stream
    deepconverse  conversations, messages (_id; seconds); per stream
    zendesk_chat  chats, conversions, department_events (id; seconds of the update),
                  agent_timeline ((agent_id, start_time); microseconds of the end); "all"
    devrev        conversations (id; nanoseconds of modified_date); "all"

Switches, for what the documents leave open (the first is the default):
    dixa.bounds                     "inclusive", "exclusive", "half-open"
    deepconverse.bounds             the same
    deepconverse.window_on          "startTime", "lastActionAt"
    deepconverse.times              "seconds", "milliseconds", "text", "iso"
    deepconverse.end_cursor         "null", "absent", "empty"
    deepconverse.paging, devrev.paging (for .list)
        .empty_pages False          .short_pages None or rows     .cursor_loop None, "same", "aba"
    zendesk_chat.timeline_start     "inclusive", "exclusive"
    zendesk_chat.chats_end_time     "update", "start"
    zendesk_chat.department_events_end_id  True
    zendesk_chat.short_pages        None or rows
    zendesk_chat.next_page_host     None or "https://www.zopim.com"
    zendesk_chat.denied             {} or {stream: 403 or 404}
    zendesk_chat.support            the Support API of the same account, a host with switches of its
                                    own (`sandbox.zendesk_support`); its streams are to be had from
                                    zendesk_chat as well
    devrev.without_beta             404, 400
    devrev.end_cursor               "absent", "empty"

Order of judgement: credentials, rate limit, rules; a fault that strikes has the last word. The
control interface for other processes is described in `sandbox.control`.
"""

from sandbox.box import Sandbox
from sandbox.call import Call
from sandbox.faults import Fault
from sandbox.log import LoggedRequest
from sandbox.rate_limits import RateLimit

__all__ = ["Call", "Fault", "LoggedRequest", "RateLimit", "Sandbox"]
