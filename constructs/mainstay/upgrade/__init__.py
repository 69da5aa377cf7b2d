"""The upgrade in eight steps, with no planned downtime: a table, and the state machine made of it.

What a drill of it has to provide, beside a deployed environment of two masters:

- processes behind the deployed services' tasks that obey the mode and acknowledge it, under their
  ECS task's id, as layers `app` and `edge`;
- a process for a task that is run by itself from the operations' family (`ecs:RunTask`): it runs
  `python -m service.operations upgrade <act>` of the image's release, and ECS tells its exit code;
- PostgreSQL behind the masters, the follower and the transaction store, bootstrapped;
- load balancers whose rules, weights and health are those of the API, and alarms that data points
  and requests change.
"""
