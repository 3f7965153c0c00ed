"""The handlers of the pages, one module per subject; here the list of them."""

from keryx.web.ui.pages import accounts, aliases, dashboard, domains, missing, personal, queue, signin, site

ROUTERS = (
    signin.router,
    dashboard.router,
    domains.router,
    accounts.router,
    aliases.router,
    queue.router,
    site.router,
    # The same pages for oneself and, for administrators, for an account of theirs.
    personal.own,
    personal.others,
    missing.router,  # last: it takes what is left
)
