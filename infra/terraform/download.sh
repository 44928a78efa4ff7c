# Downloads URL to FILE if the SHA-256 of what arrives is SHA256, in base64. Two that do so at once are not in each other's way.
mkdir -p "$(dirname "$FILE")"
trap 'rm -f "$FILE.$$"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$FILE.$$" "$URL"
found=$(openssl dgst -sha256 -binary "$FILE.$$" | openssl base64)
if [ "$found" != "$SHA256" ]; then
  echo "the SHA-256 of $URL is $found, not $SHA256" >&2
  exit 1
fi
mv "$FILE.$$" "$FILE"
