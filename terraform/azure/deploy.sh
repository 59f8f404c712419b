#!/bin/sh
# Puts a package on a function app of Flex Consumption, as it is: deploy.sh https://APP.scm.azurewebsites.net PACKAGE
#
# `az functionapp deployment source config-zip` would have Azure build a Python package once more, and wait for an answer
# over HTTP, which an app that is closed never gives. This sends what that command sends, with the token of who is
# logged in to `az`: https://learn.microsoft.com/azure/azure-functions/functions-deployment-technologies#one-deploy
set -eu

scm=$1
package=$2
pause=${PAUSE:-5} # seconds between two looks
patience=${LOOKS:-120} # looks

token=$(az account get-access-token --query accessToken --output tsv)

ask() { # the token goes in by a pipe: on the command line everybody on this machine could read it
  printf 'Authorization: Bearer %s\n' "$token" |
    curl --silent --show-error --fail-with-body --retry 5 --header @- --header 'Cache-Control: no-cache' "$@"
}

publish="$scm/api/publish?RemoteBuild=false&Deployer=terraform"
taken=$(ask --header 'Content-Type: application/zip' --data-binary "@$package" "$publish") || {
  echo "The package $package was not taken: $taken" >&2
  exit 1
}
id=$(printf '%s' "$taken" | tr -d '"')
echo "Deployment $id"

while [ "$patience" -gt 0 ]; do
  answer=$(ask "$scm/api/deployments/latest")
  case $answer in
  *"\"$id\""*) # ours, and not the one before it
    status=$(printf '%s' "$answer" | sed -n 's/.*"status": *\(-\{0,1\}[0-9][0-9]*\).*/\1/p')
    ;;
  *) status= ;;
  esac
  case $status in
  4) # it is there
    exit 0
    ;;
  -1 | 3 | 5 | 6) # cancelled, failed, overtaken by another, there in parts
    echo "The deployment of $package ended with status $status: $answer" >&2
    exit 1
    ;;
  esac
  patience=$((patience - 1))
  sleep "$pause"
done

echo "The deployment of $package has not ended. Look at $scm/api/deployments/latest" >&2
exit 1
