"""The script that Streamlit runs."""

from hds_bot.interfaces.page import run

run()
