"""The front tier: the public load balancer, its firewall and the nginx proxies behind it."""
