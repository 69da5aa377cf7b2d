"""Every endpoint of the service, the hottest paths first."""

from service.api import audit_log, authn, health, oauth, users
from service.api.call import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *authn.ENDPOINTS,
    *oauth.ENDPOINTS,
    *health.ENDPOINTS,
    *users.ENDPOINTS,
    *audit_log.ENDPOINTS,
)
