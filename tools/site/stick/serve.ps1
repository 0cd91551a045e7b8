# Serve the folder "site" beside this one to this computer alone, and open it in the browser.
$ErrorActionPreference = 'Stop'
$site = [IO.Path]::GetFullPath((Join-Path $PSScriptRoot '..\site'))
$types = @{
  # TYPES
}
$listener = $null
foreach ($port in 8000..8019) {
  $listener = New-Object Net.HttpListener
  $listener.Prefixes.Add("http://localhost:$port/")
  try { $listener.Start(); break } catch { $listener = $null }
}
if ($null -eq $listener) {
  Write-Host 'No port between 8000 and 8019 is free on this computer.'
  exit 1
}
Write-Host "The book is at http://localhost:$port/  Leave this window open while you read."
Start-Process "http://localhost:$port/"
while ($listener.IsListening) {
  $context = $listener.GetContext()
  $answer = $context.Response
  try {
    $asked = [Uri]::UnescapeDataString($context.Request.Url.AbsolutePath).TrimStart('/')
    $path = [IO.Path]::GetFullPath((Join-Path $site $asked))
    if (Test-Path -LiteralPath $path -PathType Container) { $path = Join-Path $path 'index.html' }
    $inside = $path.StartsWith($site + [IO.Path]::DirectorySeparatorChar)
    if (-not $inside -or -not (Test-Path -LiteralPath $path -PathType Leaf)) {
      $answer.StatusCode = 404
      $path = Join-Path $site '404.html'
    }
    $type = $types[[IO.Path]::GetExtension($path).ToLowerInvariant()]
    if ($null -eq $type) { $type = 'application/octet-stream' }
    $bytes = [IO.File]::ReadAllBytes($path)
    $answer.ContentType = $type
    $answer.Headers.Add('Cache-Control', 'no-cache')
    $answer.ContentLength64 = $bytes.Length
    if ($context.Request.HttpMethod -ne 'HEAD') { $answer.OutputStream.Write($bytes, 0, $bytes.Length) }
  } catch {
    # The browser has gone, or cannot be answered: the next one can.
  } finally {
    try { $answer.Close() } catch { }
  }
}
