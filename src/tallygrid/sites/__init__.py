"""Sites: where jobs run. `port` is what the service asks of any; `local` is this machine."""
