"""From what was built to what runs: packages, policies, templates, deployments."""
