"""The app tier: an internal load balancer before two halves of stateless servers."""
