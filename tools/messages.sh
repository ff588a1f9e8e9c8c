#!/bin/sh
# Gathers the sentences of the code into the template, and from there into the file of each language.
# $1 is the folder of pybabel; $2, if given, is a language to start, such as de or pt_BR.
# A file changes only when a sentence does: no line numbers, no dates, and a language's header is kept as it is.
set -eu
bin=$1
new=${2:-}
locales=bot/locales
template=$locales/encore.pot
mkdir -p "$locales"
trap 'rm -f "$locales"/*.new "$locales"/*/LC_MESSAGES/*.new' EXIT

header() {
    printf '%s\n' "$1" 'msgid ""' 'msgstr ""' \
        '"Content-Type: text/plain; charset=UTF-8\n"' '"Content-Transfer-Encoding: 8bit\n"' ${2:+"\"Language: $2\\n\""} ''
}

"$bin/pybabel" -q extract --mapping-file=babel.cfg --keyword=text --keyword=counted:1,2 --keyword=locale_str \
    --omit-header --add-location=file --sort-output --no-wrap --output-file="$template.new" .
{
    header '# Every sentence that Encore says, gathered from the code by `make messages`.'
    cat "$template.new"
} > "$template"

if [ -n "$new" ] && [ ! -e "$locales/$new/LC_MESSAGES/encore.po" ]; then
    mkdir -p "$locales/$new/LC_MESSAGES"
    header "# Encore in $new. \`make messages\` adds and retires sentences; a translator fills in each msgstr." "$new" \
        > "$locales/$new/LC_MESSAGES/encore.po"
fi

for file in "$locales"/*/LC_MESSAGES/encore.po; do
    [ -e "$file" ] || continue
    locale=${file#"$locales"/}
    cp "$file" "$file.new"
    "$bin/pybabel" -q update --input-file="$template" --output-file="$file.new" --locale="${locale%%/*}" \
        --omit-header --ignore-pot-creation-date --no-wrap
    { sed '/^$/q' "$file"; cat "$file.new"; } > "$file.whole.new"
    mv "$file.whole.new" "$file"
done
