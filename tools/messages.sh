#!/bin/sh
# Gathers every sentence of the code into the template, then into each language's file. $1 is the folder of pybabel.
# No line numbers and no dates: the files change only when a sentence does.
set -eu
bin=$1
locales=bot/locales
template=$locales/encore.pot
mkdir -p "$locales"
trap 'rm -f "$template.new"' EXIT

"$bin/pybabel" -q extract --mapping-file=babel.cfg --keyword=text --keyword=counted:1,2 \
    --omit-header --add-location=file --sort-output --no-wrap --output-file="$template.new" .
{
    cat <<'HEADER'
# Every sentence that Encore says, gathered from the code by `make messages`.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Content-Transfer-Encoding: 8bit\n"

HEADER
    cat "$template.new"
} > "$template"

for file in "$locales"/*/LC_MESSAGES/encore.po; do
    [ -e "$file" ] || continue
    locale=${file#"$locales"/}
    "$bin/pybabel" -q update --input-file="$template" --output-file="$file" --locale="${locale%%/*}" \
        --ignore-pot-creation-date --no-wrap
done
