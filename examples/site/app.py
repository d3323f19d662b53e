"""The site of the Millbrook Astronomy Society: small, complete, and using every part of Consentry.

Read it with consent.toml (what is declared) and templates/base.html (what is asked). The comments marked CONSENT
are all that the views need; enforcement is the gate's, around every response, whatever a view or template forgets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash

import content
import demo_numbers
import night_mode
from demo_key import demo_key
from flask_consentry import Consentry, consent, requires_consent
from forms import form_token, is_our_form, missing

site = Blueprint("site", __name__)
site.url_defaults(night_mode.carry_in_links)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Build the site. *config* wins over the environment (``FLASK_CONSENT_MODE=report`` and the like)."""
    app = Flask(__name__, instance_path=str(Path(__file__).resolve().parent / "instance"))
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=64_000)
    app.config["CONSENT_AUTHORIZE"] = may_see
    app.config.from_prefixed_env()
    app.config.update(config or {})
    if not app.config["SECRET_KEY"]:
        app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY") or demo_key(Path(app.instance_path))
    app.register_blueprint(site)
    app.register_error_handler(404, lambda _: (render_template("not_found.html"), 404))
    app.context_processor(lambda: {"form_token": form_token, "night_mode": night_mode.is_on})
    Consentry(app)  # CONSENT 1: this line. It reads consent.toml beside this file and signs with SECRET_KEY.
    app.cli.add_command(demo_numbers.command)
    return app


def may_see(action: str) -> bool:
    """CONSENT 4: who sees what is not for visitors. Members may see the numbers; without this there is no such page."""
    return action == "report" and "member" in session


@site.get("/")
def home() -> ResponseReturnValue:
    return render_template("home.html", events=content.upcoming(date.today()), news=content.NEWS)


@site.get("/news")
def news() -> ResponseReturnValue:
    return render_template("news.html", news=content.NEWS)


@site.get("/news/<slug>")
def article(slug: str) -> ResponseReturnValue:
    return render_template("article.html", article=content.article(slug) or abort(404))


@site.get("/events")
def events() -> ResponseReturnValue:
    return render_template("events.html", events=content.upcoming(date.today()))


@site.get("/events/<slug>")
def event(slug: str) -> ResponseReturnValue:
    found = content.event(slug) or abort(404)
    return render_template("event.html", event=found, day=found.next_date(date.today()))


@site.get("/live")
@requires_consent("social")  # CONSENT 2: without its video this page is nothing, so the whole view asks first.
def live() -> ResponseReturnValue:
    return render_template("live.html", video=content.LIVE)


@site.route("/settings", methods=["GET", "POST"])
def settings() -> ResponseReturnValue:
    if request.method != "POST":
        return render_template("settings.html")
    night = request.form.get("night") == "on"
    # CONSENT 3: ask before remembering. The gate would drop the cookie anyway; asking lets the page say so.
    if night and not consent.allows("preferences"):
        return redirect(url_for("site.settings", night="on"))
    response = redirect(url_for("site.settings", night=None))
    if night:
        response.set_cookie(night_mode.COOKIE, "on", max_age=timedelta(days=365), httponly=True, samesite="Lax")
    else:
        response.delete_cookie(night_mode.COOKIE)  # deletions always pass the gate
    return response


@site.get("/members")
def members() -> ResponseReturnValue:
    if "member" not in session:
        return redirect(url_for("site.login"))
    return render_template("members.html", member=session["member"])


@site.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    if request.method != "POST":
        return render_template("login.html", error="", name="")
    name, password = request.form.get("name", ""), request.form.get("password", "")
    if not is_our_form():
        error = "This form had expired. Please try again."
    elif not check_password_hash(content.MEMBERS.get(name, ""), password):
        error = "That name and password do not belong together."
    else:
        session.clear()
        session["member"], session.permanent = name, "remember" in request.form
        return redirect(url_for("site.members"))
    return render_template("login.html", error=error, name=name), 422


@site.post("/logout")
def logout() -> ResponseReturnValue:
    if is_our_form():
        session.clear()
    return redirect(url_for("site.home"))


@site.route("/contact", methods=["GET", "POST"])
def contact() -> ResponseReturnValue:
    if request.method != "POST":
        return render_template("contact.html", errors={}, form={})
    if errors := missing(request.form) if is_our_form() else {"form": "This form had expired. Please send it again."}:
        return render_template("contact.html", errors=errors, form=request.form), 422
    flash("Thank you. We answer within a few days, clear nights excepted. (This is a demo: nothing was sent or kept.)")
    return redirect(url_for("site.contact"))


@site.get("/privacy")
def privacy() -> ResponseReturnValue:
    return render_template("privacy.html")


@site.get("/archive/2009")
def archive_2009() -> ResponseReturnValue:
    return render_template("archive_2009.html")
