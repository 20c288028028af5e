"""The chat page: `streamlit run app.py`."""

from hds_bot.interfaces.page import run

run()
