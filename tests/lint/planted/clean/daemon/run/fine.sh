#!/bin/bash
set -euo pipefail
rm -rf "${1:?}/state"
