#!/bin/sh
# Installs what the elasticsearch sink installs by itself with template: true, in its
# order. ES_URL and ES_API_KEY say where; the key needs manage_ilm and
# manage_index_templates.
set -eu
cd "$(dirname "$0")"
put() {
	curl --fail-with-body -sS -X PUT -H "Authorization: ApiKey $ES_API_KEY" \
		-H 'Content-Type: application/json' "$ES_URL$1" --data-binary "@$2"
	echo
}
put /_ilm/policy/shiplog-audit ilm-policy-shiplog-audit.json
put /_component_template/shiplog-mappings component_template-shiplog-mappings.json
put /_component_template/shiplog-settings component_template-shiplog-settings.json
put /_component_template/shiplog-lifecycle component_template-shiplog-lifecycle.json
put /_index_template/shiplog-logs-prefect.audit-default index_template-shiplog-logs-prefect.audit-default.json
