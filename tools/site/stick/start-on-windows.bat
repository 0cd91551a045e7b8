@echo off
rem Serve the book to this computer alone and open it, with the PowerShell that Windows has.
powershell -NoLogo -NoProfile -ExecutionPolicy Bypass -File "%~dp0serve\serve.ps1"
if errorlevel 1 pause
