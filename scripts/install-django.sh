#!/usr/bin/env bash
# Installs Django, the real framework of tests/real_upstream/django.rs, into target/tools.
exec "$(dirname "$0")/install-in-venv.sh" django tests/real_upstream/django-requirements.txt
