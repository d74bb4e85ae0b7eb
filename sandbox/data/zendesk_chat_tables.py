"""Zendesk Chat's tables without a time: the example of each page of its Chat API.

developer.zendesk.com/api-reference/live-chat/chat-api/, pages accounts, agents, bans, departments,
goals, roles, routing_settings, shortcuts, skills and triggers. Where live data in the fixtures of
public connectors differs from an example (an `enabled` that is no number, limits that are
`unlimited`), it is followed.
"""

from __future__ import annotations

from sandbox.reference import Reference

_PLAN_HAS = (
    *("agent_leaderboard", "agent_reports", "analytics", "chat_reports", "daily_reports"),
    *("email_reports", "file_upload", "high_load", "integrations", "ip_restriction", "monitoring"),
    *("operating_hours", "rest_api", "sla", "support", "unbranding", "weekly_reports"),
)

REFERENCES = (
    Reference(
        "account",
        "/account",
        {
            "account_key": "zendesk-chat-account-key",
            "status": "active",
            "create_date": "2014-08-06T11:02:09Z",
            "billing": {
                "company": "Zendesk",
                "first_name": "Billy",
                "last_name": "Smith",
                "email": "billy@example.com",
                "phone": "",
                "address1": "1019 Market St",
                "address2": "",
                "city": "San Francisco",
                "state": "CA",
                "postal_code": "94103",
                "country_code": "US",
                "additional_info": "",
                "cycle": 12,
            },
            "plan": {
                "name": "enterprise",
                "short_desc": "Enterprise",
                "long_desc": "Enterprise plan",
                "price": 59.5,
                "max_agents": 5,
                "goals": 5,
                "max_departments": "unlimited",
                "max_basic_triggers": 2,
                "max_advanced_triggers": "unlimited",
                "max_concurrent_chats": "unlimited",
                "max_history_search_days": 2,
                "widget_customization": "full",
                **dict.fromkeys(_PLAN_HAS, True),
            },
        },
        count=1,
        key="account_key",
    ),
    Reference(
        "agents",
        "/agents",
        {
            "id": 360786799676,
            "first_name": "Billy",
            "last_name": "Smith",
            "display_name": "Billy",
            "email": "billy@example.com",
            "enabled": True,
            "create_date": "2014-09-30T08:25:09Z",
            "last_login": "2021-11-12T09:25:23Z",
            "login_count": 14,
            "role_id": 360002848976,
            "roles": {"administrator": False, "owner": False},
            "departments": [2148316401],
            "enabled_departments": [2148316401],
            "skills": [1296],
        },
        count=230,
        is_paged=True,
    ),
    Reference(
        "bans",
        "/bans",
        {
            "id": 124503543,
            "type": "visitor",
            "visitor_id": "2315985.gCgOaEXpt6FNkZ",
            "visitor_name": "Visitor 86152943",
            "reason": "Spammer",
        },
        others=(
            {
                "created_at": "2020-03-14T15:09:26Z",
                "id": 124503543,
                "ip_address": "87.230.12.41",
                "reason": "Spammer",
                "type": "ip_address",
            },
            {
                "created_at": None,
                "id": 124503543,
                "reason": "",
                "type": "visitor",
                "visitor_id": "1.12345",
                "visitor_name": "Joel",
            },
        ),
        count=230,
        is_paged=True,
    ),
    Reference(
        "departments",
        "/departments",
        {
            "id": 2148316401,
            "name": "Billing",
            "description": "Questions about bills",
            "enabled": True,
            "members": [360786799676],
            "settings": {
                "chat_enabled": True,
                "solved_ticket_reassignment_strategy": "",
                "support_group_id": 7282618889231,
            },
        },
    ),
    Reference(
        "goals",
        "/goals",
        {
            "id": 1863,
            "name": "add to cart",
            "description": "",
            "enabled": True,
            "attribution_model": "first_touch",
            "attribution_period": 15,
            "settings": {
                "conditions": [
                    {"type": "url", "operator": "equals", "value": "https://example.com/cart"}
                ]
            },
        },
        count=5,
    ),
    Reference(
        "roles",
        "/roles",
        {
            "id": 360002848976,
            "name": "Agent",
            "description": "In addition to regular agent privileges",
            "enabled": True,
            "members_count": 3,
            "permissions": {
                "visitors_seen": "account",
                "proactive_chatting": "listen-join",
                "edit_visitor_information": True,
                "edit_visitor_notes": True,
                "view_past_chats": "account",
                "edit_chat_tags": True,
                "manage_bans": "account",
                "access_analytics": "account",
                "view_monitor": "account",
                "edit_department_agents": "none",
                "set_agent_chat_limit": "own",
                "manage_shortcuts": "account",
            },
        },
    ),
    Reference(
        "routing_settings",
        "/routing_settings/account",
        {
            "routing_mode": "assigned",
            "chat_limit": {
                "enabled": True,
                "limit": 3,
                "limit_type": "account",
                "allow_agent_override": False,
            },
            "skill_routing": {"enabled": True, "max_wait_time": 30},
            "reassignment": {"enabled": True, "timeout": 30},
            "auto_idle": {"enabled": False, "reassignments_before_idle": 3, "new_status": "away"},
            "auto_accept": {"enabled": False},
        },
        count=1,
        key="",
    ),
    Reference(
        "shortcuts",
        "/shortcuts",
        {
            "id": "goodbye",
            "name": "goodbye",
            "message": "Thanks for chatting with us. Have we resolved your question(s)?",
            "options": "Yes/No",
            "tags": ["goodbye_survey"],
            "scope": "department",
            "departments": [2148316401],
        },
        others=(
            {"name": "hello", "message": "Hi!", "options": "", "tags": []},  # as in 2017
        ),
        key="name",
    ),
    Reference(
        "skills",
        "/skills",
        {
            "id": 1296,
            "name": "English",
            "description": "English language",
            "enabled": True,
            "members": [360786799676],
        },
    ),
    Reference(
        "triggers",
        "/triggers",
        {
            "id": 66052801,
            "name": "Ask a question",
            "description": "",
            "enabled": True,
            "definition": {
                "event": "page_enter",
                "condition": ["and", ["eq", "@account_status", "online"], ["stillOnSite", 60]],
                "actions": [
                    ["sendMessageToVisitor", "Billy", "May I help you?"],
                    ["setTriggered", True],
                ],
                "version": 1,
                "editor": "advanced",
            },
        },
    ),
)
