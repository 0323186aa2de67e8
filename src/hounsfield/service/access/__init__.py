"""Who may do what: people, roles, projects, tokens and sessions."""
